/** [MS-LSAD] 3.1.1.2.1: the privileges that change what a file open may do. */
export const SE_SECURITY_PRIVILEGE = 'SeSecurityPrivilege';
export const SE_TAKE_OWNERSHIP_PRIVILEGE = 'SeTakeOwnershipPrivilege';
export const SE_BACKUP_PRIVILEGE = 'SeBackupPrivilege';
export const SE_RESTORE_PRIVILEGE = 'SeRestorePrivilege';
export const SE_CHANGE_NOTIFY_PRIVILEGE = 'SeChangeNotifyPrivilege';
export const SE_MANAGE_VOLUME_PRIVILEGE = 'SeManageVolumePrivilege';
